"""Figures of this machine, as ratios against floors measured in the same run."""
