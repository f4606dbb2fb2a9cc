"""The measures: answers to requests with length demands, and what they show of a model."""
