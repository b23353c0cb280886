"""save_status: stores every notification of the asynchronous endpoint under `status/` of the bucket."""
