"""Speed, memory, calibration, tuning and ablations: measured here, quoted by the book."""
