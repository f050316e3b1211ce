"""Where experiments run: several seeds on this machine, Docker, Slurm, Kubernetes."""
