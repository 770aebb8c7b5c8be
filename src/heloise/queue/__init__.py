"""Responsibility, durably kept. Start with model.py, then README.md for the durability argument."""
