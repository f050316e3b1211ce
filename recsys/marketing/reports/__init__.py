"""Plots and one-file pages about users, campaigns and replays."""
