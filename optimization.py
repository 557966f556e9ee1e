"""Adam with decoupled weight decay, as BERT is trained with it."""

import re

import tensorflow.compat.v1 as tf

# BERT's constants (Devlin et al., 2019, appendix A.2), and its clipping.
_WEIGHT_DECAY = 0.01
_NO_DECAY = ["LayerNorm", "layer_norm", "bias"]
_MAX_GRADIENT_NORM = 1.0


def learning_rate_at(step, learning_rate, num_train_steps, num_warmup_steps):
  """Linear warm-up from 0, then linear decay to 0.

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


def create_optimizer(loss, init_lr, num_train_steps, num_warmup_steps, use_tpu):
  """Builds the op of one training step.

  Args:
    loss: float scalar Tensor.
    init_lr: float, the peak of the schedule.
    num_train_steps: int.
    num_warmup_steps: int, 0 for none.
    use_tpu: bool, whether gradients are averaged over TPU cores.

  Returns:
    tf.Operation. It updates the variables at the rate for global_step, then
    increments global_step.
  """
  global_step = tf.train.get_or_create_global_step()
  rate = learning_rate_at(
      global_step, init_lr, num_train_steps, num_warmup_steps)
  optimizer = AdamWeightDecayOptimizer(
      rate, weight_decay_rate=_WEIGHT_DECAY,
      exclude_from_weight_decay=_NO_DECAY)
  if use_tpu:
    optimizer = tf.tpu.CrossShardOptimizer(optimizer)
  variables = tf.trainable_variables()
  gradients, _ = tf.clip_by_global_norm(
      tf.gradients(loss, variables), _MAX_GRADIENT_NORM)
  update = optimizer.apply_gradients(zip(gradients, variables))
  with tf.control_dependencies([update]):
    return tf.group(global_step.assign_add(1))


class AdamWeightDecayOptimizer(tf.train.Optimizer):
  """Adam without bias correction, with weight decay beside the gradient.

  With gradient g of variable w at each step:

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - rate (m / (sqrt(v) + epsilon) + decay w)

  This is decoupled weight decay (Loshchilov and Hutter, 2019). The moments are
  variables named as in BERT's checkpoints, `<variable>/adam_m` and `adam_v`.

  Args:
    learning_rate: float or scalar Tensor.
    weight_decay_rate: float, the decay.
    beta_1, beta_2, epsilon: float.
    exclude_from_weight_decay: list of regular expressions; variables with one of
      them in their name have decay 0.
  """

  def __init__(self, learning_rate, weight_decay_rate=0.0, beta_1=0.9,
               beta_2=0.999, epsilon=1e-6, exclude_from_weight_decay=None,
               name="AdamWeightDecayOptimizer"):
    super().__init__(use_locking=False, name=name)
    self.learning_rate = learning_rate
    self.weight_decay_rate = weight_decay_rate
    self.beta_1 = beta_1
    self.beta_2 = beta_2
    self.epsilon = epsilon
    self.exclude_from_weight_decay = exclude_from_weight_decay or []

  def apply_gradients(self, grads_and_vars, global_step=None, name=None):
    """Returns the op that updates all variables.

    As in Google's BERT, create_optimizer increments global_step, not this.
    """
    del global_step
    updates = []
    for gradient, variable in grads_and_vars:
      if gradient is not None:
        updates.extend(self._update(tf.convert_to_tensor(gradient), variable))
    return tf.group(*updates, name=name)

  def _update(self, gradient, variable):
    name = variable.op.name
    moment = lambda suffix: tf.get_variable(
        name + suffix, shape=variable.shape.as_list(), dtype=tf.float32,
        trainable=False, initializer=tf.zeros_initializer())
    m, v = moment("/adam_m"), moment("/adam_v")
    next_m = self.beta_1 * m + (1 - self.beta_1) * gradient
    next_v = self.beta_2 * v + (1 - self.beta_2) * tf.square(gradient)
    step = next_m / (tf.sqrt(next_v) + self.epsilon)
    if self._decays(name):
      step += self.weight_decay_rate * variable
    return [variable.assign(variable - self.learning_rate * step),
            m.assign(next_m), v.assign(next_v)]

  def _decays(self, name):
    return self.weight_decay_rate and not any(
        re.search(pattern, name) for pattern in self.exclude_from_weight_decay)
