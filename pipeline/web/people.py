"""The people of one photo as a hole, by the detector and thresholds of params.yaml."""
