"""Adam with decoupled weight decay, as BERT is trained with it."""

import re

import tensorflow.compat.v1 as tf

# BERT's constants (Devlin et al., 2019, appendix A.2), and its clipping.
_WEIGHT_DECAY = 0.01
_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-6
_MAX_GRADIENT_NORM = 1.0
_NO_DECAY = re.compile("LayerNorm|layer_norm|bias")


def learning_rate_at(step, learning_rate, num_train_steps, num_warmup_steps):
  """Linear warm-up from 0, then linear decay, which ends with 0.

  The decay is counted from step 0, not from the end of the warm-up: the rate
  falls from learning_rate * (1 - num_warmup_steps / num_train_steps).

  Args:
    step: int32 or int64 scalar Tensor, steps already done.
    learning_rate: float, the peak.
    num_train_steps: int.
    num_warmup_steps: int, 0 for none.

  Returns:
    float32 scalar Tensor.
  """
  rate = tf.train.polynomial_decay(
      tf.constant(learning_rate, tf.float32), step, num_train_steps,
      end_learning_rate=0.0, power=1.0)
  if num_warmup_steps:
    warmup = learning_rate * (
        tf.cast(step, tf.float32) / tf.constant(num_warmup_steps, tf.float32))
    rate = tf.where(step < num_warmup_steps, warmup, rate)
  return rate


def create_train_op(loss, learning_rate, num_train_steps, num_warmup_steps,
                    use_tpu=False):
  """Builds the op of one training step.

  Args:
    loss: float scalar Tensor.
    learning_rate: float, the peak of the schedule.
    num_train_steps: int.
    num_warmup_steps: int.
    use_tpu: bool, whether gradients are averaged over TPU cores.

  Returns:
    tf.Operation; it also counts global_step up.
  """
  global_step = tf.train.get_or_create_global_step()
  rate = learning_rate_at(
      global_step, learning_rate, num_train_steps, num_warmup_steps)
  optimizer = AdamWeightDecayOptimizer(rate)
  if use_tpu:
    optimizer = tf.tpu.CrossShardOptimizer(optimizer)
  variables = tf.trainable_variables()
  gradients, _ = tf.clip_by_global_norm(
      tf.gradients(loss, variables), _MAX_GRADIENT_NORM)
  return optimizer.apply_gradients(
      zip(gradients, variables), global_step=global_step)


class AdamWeightDecayOptimizer(tf.train.Optimizer):
  """Adam without bias correction, with weight decay beside the gradient.

  With gradient g of variable w at each step:

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - rate (m / (sqrt(v) + epsilon) + decay w)

  decay is 0.01, but 0 for LayerNorm's variables and for biases. The moments are
  variables named as in BERT's checkpoints, `<variable>/adam_m` and `adam_v`.

  Args:
    learning_rate: float or scalar Tensor.
  """

  def __init__(self, learning_rate, name="AdamWeightDecayOptimizer"):
    super().__init__(use_locking=False, name=name)
    self._learning_rate = learning_rate

  def apply_gradients(self, grads_and_vars, global_step=None, name=None):
    """Returns the op that updates all variables, then counts a step."""
    updates = []
    for gradient, variable in grads_and_vars:
      if gradient is not None:
        updates.extend(self._update(tf.convert_to_tensor(gradient), variable))
    if global_step is not None:
      with tf.control_dependencies(updates):
        updates = [global_step.assign_add(1)]
    return tf.group(*updates, name=name)

  def _update(self, gradient, variable):
    name = variable.op.name
    moment = lambda suffix: tf.get_variable(
        name + suffix, shape=variable.shape.as_list(), dtype=tf.float32,
        trainable=False, initializer=tf.zeros_initializer())
    m, v = moment("/adam_m"), moment("/adam_v")
    next_m = _BETA_1 * m + (1 - _BETA_1) * gradient
    next_v = _BETA_2 * v + (1 - _BETA_2) * tf.square(gradient)
    step = next_m / (tf.sqrt(next_v) + _EPSILON)
    if not _NO_DECAY.search(name):
      step += _WEIGHT_DECAY * variable
    return [variable.assign(variable - self._learning_rate * step),
            m.assign(next_m), v.assign(next_v)]
