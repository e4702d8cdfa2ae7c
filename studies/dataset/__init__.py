"""How fast a year of a lab's runs is asked."""
