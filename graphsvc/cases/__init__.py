"""What people decided: keys, assessments, outcomes."""
