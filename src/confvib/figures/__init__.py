"""Figures and tables of the report: data frames in, a figure or a page out."""
