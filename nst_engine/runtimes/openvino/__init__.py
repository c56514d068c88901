"""Model files in OpenVINO's own runtime, on x86 CPUs."""
