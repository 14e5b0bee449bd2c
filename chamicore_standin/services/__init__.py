"""The services of the contract, one module each; every module offers `build`."""
