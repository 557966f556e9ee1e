"""Imported once, for launcher.py: what takes long to import, and nothing else.

None of this starts a thread, or does anything that a process forked later would
have to undo.
"""

import seaborn  # pylint: disable=unused-import
import tensorflow.compat.v1 as tf

# Both are imported when they are first looked at.
assert tf.estimator.tpu and tf.estimator.Estimator
