// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Capbox.Mqtt;

/// <summary>
/// Judges the broker's certificate: valid now, for the name that was dialled, for a server, by an authority that is trusted. There is no
/// way to be content with less; it only says why not.
/// </summary>
internal static class BrokerCertificate
{
    /// <summary>id-kp-serverAuth (RFC 5280, 4.2.1.12).</summary>
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Null, or what is wrong.</summary>
    /// <param name="certificate">The broker's.</param>
    /// <param name="sent">Others that it sent along: intermediate ones.</param>
    /// <param name="found">What TLS found; of the chain it is judged here again, with the authorities.</param>
    /// <param name="authorities">The only ones that are trusted; null: those of the system.</param>
    public static string? Problem(X509Certificate? certificate, X509Chain? sent, SslPolicyErrors found, X509Certificate2Collection? authorities)
    {
        if (certificate is null || (found & SslPolicyErrors.RemoteCertificateNotAvailable) != 0)
            return "the broker showed no certificate";
        using var broker = new X509Certificate2(certificate);
        if ((found & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
            return $"the broker's certificate ({broker.Subject}) is for another name";
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        chain.ChainPolicy.DisableCertificateDownloads = true;
        if (sent is not null)
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        if (authorities is not null)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        if (chain.Build(broker))
            return null;
        string why = string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()).Distinct());
        return $"the broker's certificate ({broker.Subject}) is not trusted: {why}";
    }
}
