"""The fast evaluator of a trained So3krates: the same numbers from tabulated filters."""
