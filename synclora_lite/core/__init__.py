"""The method: positions, flow, attention, block, sequence, training and sampling."""
