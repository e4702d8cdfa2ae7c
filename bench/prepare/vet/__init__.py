"""What is taken of a model that somebody else made: checked by the rules of its format before a stack reads it."""
