"""Accounts of the house: who someone is, how that is proved, how long it holds. What they may do is the right's business."""
