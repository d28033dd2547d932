"""Controls: what a benefit must survive to be called one."""
