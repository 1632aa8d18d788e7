"""The reports of test runners, one module for each family: which tests failed, and how (`report.Reader`)."""
