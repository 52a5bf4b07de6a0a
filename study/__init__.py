"""When does attention help? One condition at a time is moved; the plan is docs/study.md."""
