"""From what is wanted to what a box must hold. Pure: an intent and facts go in, resources come out."""
