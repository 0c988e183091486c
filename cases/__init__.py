"""Cases: the seven stages, deadlines and evaluation. Comes with its own issues; the stages stand in the case layer's file."""
