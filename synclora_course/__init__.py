"""Course material from the master notebooks: student, solution and instructor versions."""
