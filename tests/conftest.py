"""What all tests share."""

import os

# small pictures on few cores: threads that wait for each other cost more than they bring
os.environ.setdefault("OMP_NUM_THREADS", "1")
