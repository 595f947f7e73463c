// What is used of MPI. Its constants are macros that Swift does not see, and its handles are pointers in one
// implementation and integers in another: both stay behind these functions.
#include <mpi.h>
#include <stddef.h>

/// Joins the other processes. Returns whether that went well.
static inline int bn_mpi_join(int *rank, int *size) {
  int provided = 0, ready = 0;
  MPI_Initialized(&ready);
  if (!ready && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) return 0;
  return MPI_Comm_rank(MPI_COMM_WORLD, rank) == MPI_SUCCESS && MPI_Comm_size(MPI_COMM_WORLD, size) == MPI_SUCCESS;
}

static inline void bn_mpi_leave(void) {
  int done = 0;
  MPI_Finalized(&done);
  if (!done) MPI_Finalize();
}

/// A sum that was begun.
typedef struct bn_mpi_request {
  MPI_Request handle;
} bn_mpi_request;

static inline bn_mpi_request bn_mpi_no_request(void) { return (bn_mpi_request){MPI_REQUEST_NULL}; }

/// Begins to replace floats by their sums over all processes.
static inline int bn_mpi_begin_sum(float *values, int count, bn_mpi_request *request) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request->handle) == MPI_SUCCESS;
}

/// Lets what was begun go on.
static inline void bn_mpi_progress(int count, bn_mpi_request *requests) {
  int done = 0;
  if (count > 0) MPI_Testall(count, &requests->handle, &done, MPI_STATUSES_IGNORE);
}

static inline int bn_mpi_wait(int count, bn_mpi_request *requests) {
  return count == 0 || MPI_Waitall(count, &requests->handle, MPI_STATUSES_IGNORE) == MPI_SUCCESS;
}

static inline int bn_mpi_sum(double *values, int count) {
  return MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) == MPI_SUCCESS;
}

/// The number of processes on this machine.
static inline int bn_mpi_neighbours(void) {
  MPI_Comm here;
  int size = 1;
  if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here) != MPI_SUCCESS) return 1;
  MPI_Comm_size(here, &size);
  MPI_Comm_free(&here);
  return size;
}

static inline void bn_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
