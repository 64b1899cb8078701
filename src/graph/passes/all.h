// The passes one by one; passes.cpp puts them into order and gives the reasons.
#pragma once

namespace peregrine::graph {

class Graph;

/// Nodes whose inputs are all constant become constants, where evaluate.h knows the operator.
void fold_constants(Graph& graph);
/// Removes Casts to the same type, Reshapes to the same shape, Transposes that move nothing, Concats of
/// one, Splits into one, and Slices of everything.
void remove_identities(Graph& graph);
/// Mul(x, Sigmoid(x)) -> Silu(x), also where others use the sigmoid (it then stays beside).
void fuse_silu(Graph& graph);
/// BatchNorm, and Add, Sub, Mul, Div by a constant a channel or a scalar, vanish into the weights and bias
/// of a Conv, ConvTranspose or Linear before them, when nobody else sees the value between the two.
void fold_batch_norm(Graph& graph);
/// Removes nodes and constants that no output needs.
void remove_unused(Graph& graph);

}  // namespace peregrine::graph
