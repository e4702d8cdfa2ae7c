"""What each stack can really use on this machine, what is missing for the rest, and how to mend it."""
