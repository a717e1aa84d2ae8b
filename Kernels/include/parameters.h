// Parameter blocks of the kernel functions, shared by Swift, by the host compilation of the
// kernels and by OpenCL C (this text is prepended to every program). Only fixed-size integer
// fields, so that the layout is the same everywhere: `long` has 64 bits in OpenCL C and on
// every host this package supports. A real scalar travels as its bits in a `long` (see REAL()).

#ifndef MACLAURIN_PARAMETERS_H
#define MACLAURIN_PARAMETERS_H

#define MACLAURIN_BUFFERS 11

/// The largest order of power series: of both scalar types, and of float64, where functions that keep
/// whole series are compiled a second time for those above the first.
#define MACLAURIN_ORDER 8
#define MACLAURIN_LONG_ORDER 64

/// What every kernel function receives first: its extent and where its buffers begin.
typedef struct {
  long items;                       ///< 1-D launches: number of items; 2-D: number of rows
  long columns;                     ///< 2-D launches: number of columns; 1-D: 1
  long begin, end;                  ///< host only: the part of `items` that this call does
  long firstColumn;                 ///< host only: where strips of columns begin
  long offset[MACLAURIN_BUFFERS];   ///< device only: first element of each buffer
} LaunchRange;

// ---- Elementwise operations, reductions, losses, updates -------------------------------------

/// out = a·x + b·y
typedef struct {
  long a, b;   ///< real
} LinearCombinationParameters;

typedef struct {
  long value;   ///< real
} FillParameters;

/// Blocks of MACLAURIN_REDUCTION_BLOCK elements, MACLAURIN_REDUCTION_LANES lanes each.
#define MACLAURIN_REDUCTION_BLOCK 65536
#define MACLAURIN_REDUCTION_LANES 64
typedef struct {
  long count;
} ReductionParameters;

/// sums[j] = alpha·scale·Σ_i x[i, j], chains of MACLAURIN_CHAIN rows.
typedef struct {
  long rows, stride;        ///< of x
  long chains;              ///< of one matrix; 1: sums are done, else they are chain sums
  long batchStride;         ///< elements of x from one batch to the next
  long sumsStride;          ///< elements of sums from one chain to the next
  long alpha;               ///< real
  long hasScale;
} ColumnSumsParameters;

/// Chain sums, [rows, chains, columns], to sums.
typedef struct {
  long chains, columns;
  long sumsStride;          ///< elements of sums from one row to the next
  long alpha;               ///< real
  long hasScale;
} ChainFoldParameters;

typedef struct {
  long columns, stride;
} GatherParameters;

typedef struct {
  long stride;              ///< of the copy
  long rowStep, columnStep; ///< elements of x from one row, or column, of the copy to the next
  long isMirrored;          ///< 1: above the diagonal what is below
} MatrixCopyParameters;

/// Channels of a patch that are moved together.
#define PATCH_LANES 16
/// How a convolution's kernel moves over an image: see ConvolutionGeometry in the Compute module.
typedef struct {
  long height, width, channels;
  long kernelHeight, kernelWidth;
  long strideHeight, strideWidth;
  long top, left;
  long outputHeight, outputWidth;
  long first;               ///< output position of the first row
} UnfoldParameters;

typedef struct {
  long rows, columns;       ///< of one matrix as it was
} TranspositionParameters;

/// Images of `channels` planes of height × width, one a row (image_gather.cl).
typedef struct {
  long channels, height, width;
  long stride;              ///< of x
  long hasRows;             ///< 0: output row i is row i of x
  long dy, dx;              ///< where the window begins, unless it is drawn
  long crops;               ///< 0: at (dy, dx); 1: drawn for all images; 2: drawn for each
  long padding;             ///< drawn windows begin in −padding … padding
  long flips;               ///< 0 or 1: drawn for each image
  unsigned long seed;
  long purpose, step;
} ImageGatherParameters;

/// A stack of coefficients: see Jet in the Jets module.
typedef struct {
  long block;               ///< rows of one coefficient
  long columns;
  long directions;
  long inputDegree, inputCapacity;
  long outputDegree, outputCapacity;
  long slopeDegree;         ///< −1: no slopes are stored
  long slopeCapacity;
  long hasBias, hasBiasDisplacement;
  long biasStride;          ///< elements of the bias displacement from one direction to the next
  long biasFactor;          ///< real: the parameterization's factor on biases
  long hasScale;
} JetCompositionParameters;

typedef struct {
  long block, columns, directions;
  long leftDegree, leftCapacity;
  long rightDegree, rightCapacity;
  long outputDegree, outputCapacity;
} JetProductParameters;

/// Output blocks of one launch, and sources of one: a parameter block has at most 1024 bytes.
#define COMBINATION_ROWS 16
#define COMBINATION_TERMS 5
/// See BlockCombination in the Compute module. Sources and factors have 8 bits each, the first in the
/// lowest; factors are signed eighths.
typedef struct {
  long rows;
  long step;                           ///< elements of a block
  long count[COMBINATION_ROWS];
  long sources[COMBINATION_ROWS];
  long factors[COMBINATION_ROWS];
  long divisor[COMBINATION_ROWS];
  long columns;
} BlockCombinationParameters;

typedef struct {
  long u;                              ///< real
  long hasScale;
  long centerStride, displacementStride;
} RayWeightsParameters;

/// Windows over images whose positions are rows: see PoolingWindow. The image is what is pooled,
/// or receives the cotangent of that.
typedef struct {
  long examples, columns;
  long imageHeight, imageWidth;
  long windowHeight, windowWidth;
  long strideY, strideX;
  long pooledHeight, pooledWidth;
  long originY, originX;    ///< of the image, from the first window on: the padding
  long hasZero, degree, directions;   ///< of both jets
  long imageCapacity, pooledCapacity;
  long factor;              ///< real: 1 / positions of a window
  long hasChoice;
} PoolingParameters;

/// The degrees up to MACLAURIN_ORDER are compile-time constants of a device's program.
typedef struct {
  long block, columns;
  long inputDegree, inputCapacity;     ///< of x or x̄
  long outputDegree, outputCapacity;   ///< of y or ȳ
  long valueCapacity;                  ///< adjoint: of y
  long inverseDegree;                  ///< forward: −1 if 1/σ is not stored
  long inverseCapacity;
  long epsilon;                        ///< real
} LayerNormParameters;

typedef struct {
  long block, columns, directions;
  long inputDegree, inputCapacity;     ///< of y; adjoint: the degree of ȳ
  long outputDegree, outputCapacity;   ///< of z; adjoint: of z̄
  long hasGainDisplacement, gainStride, hasGainScale;
  long gainFactor;                     ///< real
  long hasBias, hasBiasDisplacement, biasStride, hasBiasScale;
  long biasFactor;                     ///< real
} LayerAffineParameters;

/// Chain sums of Σ_{i=1..degree} Σ_rows a_i[row, j]·b_{i−1}[row, j], `chains` of MACLAURIN_CHAIN rows
/// for each direction.
typedef struct {
  long block, columns, degree, chains;
  long leftCapacity, rightCapacity;
} ColumnProductsParameters;

typedef struct {
  long kind;                ///< 0 mse, 1 cross-entropy
  long rows, outputs;
  long degree, capacity;    ///< of the logits' jet
  long cotangentDegree;     ///< 0: no cotangent; else rows ȳ_1 … of it
  long cotangentFirst;      ///< power of 1/s of the first row block: 1, or 0 for an order-0 jet
  long factor;              ///< real: 1/batch or 1/(batch·outputs)
  long hasScale;
} LossParameters;

typedef struct {
  long rows, outputs;       ///< of F; tangents have rows for every direction
  long factor;              ///< real
} SoftmaxCurvatureParameters;

typedef struct {
  long count;               ///< elements of the state
  long block;               ///< elements of one launch row
  long rate;                ///< real: −η
  long rule;                ///< host only: 0 sgd, 1 momentum, 2 adam
  long beta1, beta2;        ///< real: μ or β₁; β₂
  long complement1, complement2;   ///< real: 1 − β₁, 1 − β₂
  long correction1, correction2;   ///< real: 1 − β₁^t, 1 − β₂^t
  long epsilon;             ///< real
  long decays;              ///< 0 nothing, 1 λ into the gradient, 2 −ηλ into the state
  long decay;               ///< real: λ, or −ηλ
  long hasClip, hasNoise;
  long hasCenter;           ///< 1 if the center is read: by decay, or for parameters
  long hasParameters;       ///< host only: 1 if center + state is written too
  long hasSigns;            ///< host only: 1 if launch rows have signs
  long hasSquares;          ///< host only: 1 if the lanes' sums of state² are written
} UpdateParameters;

/// out = α·f·x row by row or column by column, f a factor or the product of two, or 1/√(f + ε).
typedef struct {
  long alpha;               ///< real
  long hasSecond;
  long byColumn;            ///< 0: a factor for each row
  long isInverseRoot;
  long epsilon;             ///< real: ε, of inverse roots
} RowScalingParameters;

typedef struct {
  long columns;
  long hasBias;
} RowSquaresParameters;

typedef struct {
  long factor;              ///< real: pλ
  long quarters;            ///< p − 4
} RowPenaltyParameters;

typedef struct {
  unsigned long seed;
  long purpose, tensor;
  long count;
  long distribution;        ///< 0 normal, 1 uniform in (0, 1), 2 signs
  long factor;              ///< float32 bits: the standard deviation, applied in float32
  long firstBlock;          ///< position in the stream of the first element, in blocks of four
} RandomFillParameters;

typedef struct {
  unsigned long seed;
  long purpose, tensor;
  long firstBlock;          ///< position in the stream of the first element, in blocks of four
  long count;
  long threshold;           ///< words below it drop their element
  long factor;              ///< real: 1/(1 − p)
} DropoutParameters;

typedef struct {
  long order;
  long clipNorm;            ///< real
} StepScalarsParameters;

/// Patches of one launch, and starts of one patch: a parameter block has at most 1024 bytes.
#define EXTRACTION_PATCHES 4
#define EXTRACTION_STARTS 16
#define EXTRACTION_RUN 16
typedef struct {
  long count;                             ///< elements of all patches
  long end[EXTRACTION_PATCHES];           ///< elements of this patch and of those before it
  long startCount[EXTRACTION_PATCHES];
  long outerStep[EXTRACTION_PATCHES];
  long innerCount[EXTRACTION_PATCHES];
  long innerStep[EXTRACTION_PATCHES];
  long starts[EXTRACTION_PATCHES * EXTRACTION_STARTS];
} ExtractionParameters;

typedef struct {
  long stride;                            ///< elements from one row to the next
  long starts[EXTRACTION_STARTS];
  long positions[EXTRACTION_STARTS];      ///< of the row numbers
} IndirectExtractionParameters;

/// A column is projected in chunks of so many rows; and so many sums are computed together.
#define PROJECTION_CHUNK 32
#define PROJECTION_WIDTH 16
typedef struct {
  long rows, columns, stride;   ///< of one matrix as it lies in memory
  long batchStride;             ///< elements to the next matrix
  long vectorStride;            ///< elements to its vector
  long parts, width;            ///< chunks of a column, and partial sums of a chunk
  long plane;                   ///< elements of all partial sums
  long sumsStride;              ///< elements to the next matrix's results
} ProjectionParameters;

typedef struct {
  long factor;                  ///< bits of a double: α
  long coefficient;             ///< bits of a double
  long hasScale;                ///< 0 or 1: a real that multiplies α
  long accumulates;             ///< 0: the tolerance before is not read
  long residualStride, sumsStride, normStride;   ///< elements to the next matrix's
} ResidualParameters;

// ---- Kernels at infinite width ---------------------------------------------------------------

/// Where the two positions of a kernel's cells lie (kernel_cells.cl). Row (r·planes + y)·planes + y′
/// of a launch belongs to the pair r = i·columns + j; cell q = g·segment + t of it has its positions at
/// i·rowExample + y·rowPlane + g·rowSegment + t·rowStep and at
/// j·columnExample + y′·columnPlane + g·columnSegment + t, with i for j if isPaired.
typedef struct {
  long planes, columns, isPaired;
  long rowExample, columnExample;
  long rowPlane, columnPlane;
  long segment, rowSegment, rowStep, columnSegment;
} KernelCells;

/// See KernelAffine in the Compute module; reals.
typedef struct {
  long isPresent;
  long factor, bias, ntkFactor, nngpShare, ntkBias;
} AffineParameters;

typedef struct {
  KernelCells cells;
  AffineParameters affine;
  long function, hasNTK;
  long first, second, third;   ///< reals of the function
} DualActivationParameters;

typedef struct {
  KernelCells cells;
  AffineParameters affine;
  long hasNTK;
  long valueCount, slopeCount;       ///< coefficients of T and of T′
  long rowStride, columnStride;      ///< elements from one degree to the next
} DualSeriesParameters;

/// Rows of a launch: (outer·windows + m)·others + m′.
typedef struct {
  long windows, others;
  long input, size, stride, before;
  long outerStep, windowStep, otherStep;   ///< elements of the input
  long columnStep, columnLimit;            ///< if not 0, steps move along the columns too
  long columnStride;                       ///< elements of the input from one column to the next
  long alpha;                              ///< real
} WindowSumParameters;

typedef struct {
  KernelCells cells;
  long channels, channelStep;
  long rowElement, columnElement;          ///< what one step of the cells' places is
  long alpha;                              ///< real
} ImageGramParameters;

// Contractions.

/// Products are accumulated along k in chains of this length, each started from +0. Part of the
/// definition of the numerics: another value gives other bits.
#define MACLAURIN_CHAIN 1024

/// The host family on a device: the depth that one work-item packs, and how many row panels are
/// multiplied with all of B before the next ones.
#define CONTRACTION_PACKING_DEPTH 256
#define CONTRACTION_GROUP_PANELS 48

/// C ← α·A·B + β·C, `batch` times, with A m×k, B k×n and C m×n. A transposed operand is one
/// whose strides are exchanged. All strides count elements; a batch stride of 0 shares the
/// operand. If hasScale, α is multiplied by one element of one more buffer.
typedef struct {
  long m, n, k;
  long aRow, aColumn;               ///< steps to A's next row (m) and next column (k)
  long bRow, bColumn;               ///< steps to B's next row (k) and next column (n)
  long cRow, cColumn;               ///< steps to C's next row (m) and next column (n, mostly 1)
  long batch;
  long aBatch, bBatch, cBatch;      ///< steps to the next matrix of the batch
  long alpha, beta;                 ///< bits of α and β, see REAL()
  long hasScale;                    ///< 0 or 1
  long aOffset, bOffset, cOffset, scaleOffset;   ///< device only: where the operands begin
  long aPacked, bPacked;            ///< host family on a device: places in the workspace
  long chains;                      ///< device family: chains of one launch, where they are split
} ContractionParameters;

/// Jet times degree-1 parameter jet (jet_contraction.cl). Rows of a jet with `block` rows per
/// coefficient: coefficient 0, shared by the directions, in the first block (a cotangent, the input
/// and output of the adjoint, has none); then `capacity` blocks per direction, coefficient i in the
/// (i − 1)-th of them. Row strides in elements; the rows themselves are contiguous.
typedef struct {
  long isAdjoint;
  long block;
  long n, k;                ///< features of the output and of the input
  long inputDegree, inputCapacity, inputRow;
  long outputDegree, outputCapacity, outputRow;
  long weightRow, weightColumn;   ///< strides of W0 and of every displacement as [k, n] matrices
  long hasDisplacement;     ///< 0: only the term of W0
  long displacementStride;  ///< elements from the displacement of one direction to the next
  long alpha;               ///< real: the parameterization's factor, of both terms
  long hasScale;            ///< the displacement's term: alpha·scale[scaleOffset] (rounded once)
  long inputOffset, weightOffset, displacementOffset, outputOffset, scaleOffset;
  long isZeroGiven;         ///< the output's coefficient 0 is there and left alone
} JetContractionParameters;

/// Which weights a node has: W0, W0 + u·s·Δ, or Δ.
#define JET_NODE_CENTER 0
#define JET_NODE_COMBINED 1
#define JET_NODE_DISPLACEMENT 2
#define JET_NODES 5
/// Products at the nodes of an interpolated jet product (jet_contraction_nodes.cl). Rows of inputs and values are
/// contiguous, and so are the rows of a node.
typedef struct {
  long n, k;                      ///< features of the output and of the input
  long weightRow, weightColumn;   ///< strides of W0 and of Δ as [k, n] matrices
  long alpha;                     ///< real
  long hasScale;                  ///< combined: u·scale[scaleOffset]; Δ: alpha·scale[scaleOffset]
  long weightOffset, displacementOffset, scaleOffset;
  long rows[JET_NODES];           ///< of the node's inputs and values
  long kind[JET_NODES];
  long u[JET_NODES];              ///< real
  long isEvaluated[JET_NODES];    ///< 0: the inputs are coefficients of the jet
  long inputOffset[JET_NODES];
  long valueRow[JET_NODES];       ///< first row of the values
} JetNodesParameters;

#endif
