"""Plants small faults in our own code and counts those that our tests notice."""
