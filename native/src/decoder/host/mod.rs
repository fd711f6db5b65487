//! Operations that the CPU does in one pass over the numbers, with gradients in closed form.
//!
//! burn's CPU backend runs a layer as some two hundred tensor operations, each with a buffer of its own. Here the few
//! that matter are plain loops (`dhurandhar_core::layer`) and products that decode their weights as they go, and the
//! tape keeps no weight. On a GPU the same operations are composed of tensor operations.

mod attend;
mod elementwise;
mod matmul;
mod product;
mod team;

pub(super) use attend::{Heads, attend};
pub(super) use elementwise::{gated, normed, rotated};
pub(super) use product::{Addition, adapted, few, product, product_back, products};
pub(super) use team::share;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Device, Tensor, TensorData};
use std::fmt::Debug;
use std::sync::Arc;

type Primitive = FloatTensor<Flex>;

/// Numbers of a tensor, row-major; none where the operation did not ask for them to be kept.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    values: &'a [f32],
    shape: &'a [usize],
}

/// An operation with its gradient.
trait HostOp: Debug + Send + Sync {
    /// Whether the way back needs the inputs' numbers.
    fn keeps(&self) -> bool {
        true
    }

    /// The result and its shape.
    fn forward(&self, inputs: &[View<'_>]) -> (Vec<f32>, Vec<usize>);

    /// For each input its gradient; nothing where it is not `wanted`.
    fn backward(&self, inputs: &[View<'_>], gradient: &[f32], wanted: &[bool]) -> Vec<Vec<f32>>;
}

#[backend_extension(Flex, Autodiff)]
trait HostBackend: Backend {
    fn one(x: FloatTensor<Self>, operation: Arc<dyn HostOp>) -> FloatTensor<Self>;
    fn two(x: FloatTensor<Self>, y: FloatTensor<Self>, operation: Arc<dyn HostOp>) -> FloatTensor<Self>;
    fn three(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        operation: Arc<dyn HostOp>,
    ) -> FloatTensor<Self>;
}

impl HostBackend for Flex {
    fn one(x: Primitive, operation: Arc<dyn HostOp>) -> Primitive {
        run(&[x.to_contiguous()], &*operation)
    }

    fn two(x: Primitive, y: Primitive, operation: Arc<dyn HostOp>) -> Primitive {
        run(&[x, y].map(|x| x.to_contiguous()), &*operation)
    }

    fn three(x: Primitive, y: Primitive, z: Primitive, operation: Arc<dyn HostOp>) -> Primitive {
        run(&[x, y, z].map(|x| x.to_contiguous()), &*operation)
    }
}

impl<C: CheckpointStrategy> HostBackend for Autodiff<Flex, C> {
    fn one(x: FloatTensor<Self>, operation: Arc<dyn HostOp>) -> FloatTensor<Self> {
        record::<C, 1>([x], operation)
    }

    fn two(x: FloatTensor<Self>, y: FloatTensor<Self>, operation: Arc<dyn HostOp>) -> FloatTensor<Self> {
        record::<C, 2>([x, y], operation)
    }

    fn three(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        operation: Arc<dyn HostOp>,
    ) -> FloatTensor<Self> {
        record::<C, 3>([x, y, z], operation)
    }
}

/// Whether a tensor's numbers are at hand for these operations.
pub(super) fn is_host<const D: usize>(x: &Tensor<D>) -> bool {
    x.device().inner() == Device::flex()
}

fn one<const D: usize, const E: usize>(x: Tensor<D>, operation: impl HostOp + 'static) -> Tensor<E> {
    Tensor::from_dispatch(Dispatch::one(x.into_dispatch(), Arc::new(operation)))
}

fn two<const D: usize>(x: Tensor<D>, y: Tensor<D>, operation: impl HostOp + 'static) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::two(x.into_dispatch(), y.into_dispatch(), Arc::new(operation)))
}

fn three<const D: usize, const E: usize>(
    [x, y, z]: [Tensor<D>; 3],
    operation: impl HostOp + 'static,
) -> Tensor<E> {
    let [x, y, z] = [x, y, z].map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::three(x, y, z, Arc::new(operation)))
}

fn run<const N: usize>(inputs: &[Primitive; N], operation: &dyn HostOp) -> Primitive {
    let shapes = inputs.each_ref().map(|input| input.shape().to_vec());
    let mut place = 0;
    let views = inputs.each_ref().map(|input| {
        place += 1;
        View { values: numbers(input), shape: &shapes[place - 1] }
    });
    let (values, shape) = operation.forward(&views);
    Primitive::from_data(TensorData::new(values, shape))
}

fn numbers(tensor: &Primitive) -> &[f32] {
    // Nothing but f32 in one piece comes here: the decoder's tensors on this backend, made contiguous.
    tensor.as_slice::<f32>().unwrap_or_default()
}

#[derive(Debug)]
struct Recorded;

/// What the way back needs.
#[derive(Debug, Clone)]
struct Kept<const N: usize> {
    operation: Arc<dyn HostOp>,
    inputs: Option<[Primitive; N]>,
    shapes: [Vec<usize>; N],
}

fn record<C: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
    operation: Arc<dyn HostOp>,
) -> FloatTensor<Autodiff<Flex, C>>
where
    Recorded: Backward<Flex, N, State = Kept<N>>,
{
    let nodes = inputs.each_ref().map(<FloatTensor<Autodiff<Flex, C>>>::node);
    let inputs = inputs.map(|input| input.into_primitive().to_contiguous());
    let out = run(&inputs, &*operation);
    match Recorded.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let shapes = inputs.each_ref().map(|input| input.shape().to_vec());
            let inputs = operation.keeps().then_some(inputs);
            prepared.finish(Kept { operation, inputs, shapes }, out)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(out),
    }
}

impl<const N: usize> Backward<Flex, N> for Recorded {
    type State = Kept<N>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let Kept { operation, inputs, shapes } = ops.state;
        let views: Vec<View<'_>> = shapes
            .iter()
            .enumerate()
            .map(|(at, shape)| View {
                values: inputs.as_ref().map_or(&[][..], |inputs| numbers(&inputs[at])),
                shape,
            })
            .collect();
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = operation.backward(&views, numbers(&gradient), &wanted);
        for ((parent, values), shape) in ops.parents.into_iter().zip(gradients).zip(&shapes) {
            if let Some(parent) = parent {
                let data = TensorData::new(values, shape.clone());
                grads.register::<Flex>(parent.id, Primitive::from_data(data));
            }
        }
    }
}
