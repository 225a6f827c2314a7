"""TensorFlow on the CPU: conv2d of no images without padding has the size of its input.

Exits with 1 where that shows.
"""

import sys

import tensorflow as tf

print("TensorFlow", tf.__version__)
w = tf.zeros([3, 3, 4, 4])
some, none = (tf.nn.conv2d(tf.zeros([images, 5, 5, 4]), w, 1, "VALID").shape for images in (1, 0))
print(f"one image gives {tuple(some)}, no images give {tuple(none)}, which should be {(0, *some[1:])}")
sys.exit(none != (0, *some[1:]))
