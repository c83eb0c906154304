// Stands in for the `debug` package in the mesh bundle.
module.exports = () => () => undefined
