"""The last step: pairs of all iterations with a length demand, for the model that people use."""
