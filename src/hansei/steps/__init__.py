"""Ask, judge, teach, compare: the moves that the loop and every wing are made of."""
