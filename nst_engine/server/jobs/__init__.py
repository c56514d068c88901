"""Work that takes minutes: kept on disk, done in processes of its own, followed while it runs.

`store` knows the states, `folder` the files, `runner` starts and ends the processes, `work` is what runs in one.
"""
