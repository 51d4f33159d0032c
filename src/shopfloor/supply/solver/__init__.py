"""The purchase plan as a problem of integers, solved with a bound.  Pure: no database."""
