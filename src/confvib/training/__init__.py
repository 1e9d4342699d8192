"""Training: labelled frames in, a force field and its error table out."""
