// Package project lays high-dimensional vectors out in two dimensions.
//
// The page shows the residual stream of every position as a point. The two axes
// are the principal components of the positions' vectors (K. Pearson 1901, "On
// lines and planes of closest fit"; H. Hotelling 1933): the plane in which the
// points, moved to their mean, keep the largest share of their variance. Each
// layer has a plane of its own, and each is turned to lie nearest to the one
// before it (P. Schönemann 1966, "A generalized solution of the orthogonal
// Procrustes problem"), so that a point that moves from layer to layer moves for
// a reason and not because an axis changed its sign.
//
// Everything is deterministic: the same vectors give the same numbers.
package project
