"""A workload that others' library makes: the Python package spiffe, unchanged, asks the Workload API who it is. `cargo xtask spiffe` runs it."""

import sys

from cryptography import x509
from spiffe import JwtSource, JwtSvid, SpiffeId, WorkloadApiClient, X509Source
from spiffe.workloadapi.errors import FetchX509SvidError, ValidateJwtSvidError

# Seconds that anything may take that is there already.
PATIENCE = 30


def check(wanted):
    """Gets everything that there is; the identities must be these, in this order."""
    with WorkloadApiClient(default_timeout=PATIENCE) as client:
        svids = client.fetch_x509_svids()
        assert [str(svid.spiffe_id) for svid in svids] == wanted, svids
        domain = svids[0].spiffe_id.trust_domain
        bundle = client.fetch_x509_bundles().get_bundle_for_trust_domain(domain)
        for svid in svids:
            chained(svid, bundle)
            print("x509", svid.spiffe_id)
        token = client.fetch_jwt_svid({"ledger", "payments"}, subject=SpiffeId(wanted[-1]))
        assert str(token.spiffe_id) == wanted[-1], token.spiffe_id
        keys = client.fetch_jwt_bundles().get_bundle_for_trust_domain(domain)
        for audience in ("ledger", "payments"):
            assert str(JwtSvid.parse_and_validate(token.token, keys, {audience}).spiffe_id) == wanted[-1]
            assert str(client.validate_jwt_svid(token.token, audience).spiffe_id) == wanted[-1]
        try:
            client.validate_jwt_svid(token.token, "other")
        except ValidateJwtSvidError:
            pass
        else:
            raise AssertionError("the token is taken for another audience")
        print("jwt", token.spiffe_id)
    with X509Source(timeout_in_seconds=PATIENCE) as source:
        assert str(source.svid.spiffe_id) == wanted[0]
    with JwtSource(timeout_in_seconds=PATIENCE) as source:
        assert str(source.fetch_svid({"ledger"}).spiffe_id) == wanted[0]
    print("sources")


def chained(svid, bundle):
    """Whether each certificate is signed by the next one, and the last by a root of the bundle."""
    chain = svid.cert_chain
    roots = [root for root in bundle.x509_authorities if root.subject == chain[-1].issuer]
    assert roots, "no root of the bundle signed the chain"
    for child, parent in zip(chain, chain[1:] + roots[:1]):
        child.verify_directly_issued_by(parent)
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [str(svid.spiffe_id)]
    assert svid.private_key.public_key() == chain[0].public_key()


def refused():
    """Must get nothing."""
    with WorkloadApiClient(default_timeout=PATIENCE) as client:
        try:
            client.fetch_x509_svid()
        except FetchX509SvidError as error:
            assert "PERMISSION_DENIED" in str(error) or "no identity" in str(error), error
            print("refused")
        else:
            raise AssertionError("it got an identity")


if __name__ == "__main__":
    refused() if sys.argv[1] == "refused" else check(sys.argv[2:])
