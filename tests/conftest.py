"""What all tests share."""

import os

# small pictures on few cores: threads that wait for each other cost more than they bring
os.environ.setdefault("OMP_NUM_THREADS", "1")
# what is installed shall not decide what is tested: tests of other backends ask for them
os.environ.setdefault("NST_ENGINE_BACKEND", "onnxruntime")
