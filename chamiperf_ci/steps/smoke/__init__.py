"""The smoke test: does each service work at all?"""
