// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Custody;

/// <summary>The signatures of one line.</summary>
internal static class ChainSignature
{
    /// <summary>The line's signature is this key's.</summary>
    public static bool IsSigned(ChainEntry entry, ReadOnlySpan<byte> line, ChainKey key) =>
        Check(key, ChainEntry.SignedPart(line), entry.Signature);

    /// <summary>A key entry: the key that takes over has signed it as well.</summary>
    public static bool IsAccepted(ChainEntry entry, ReadOnlySpan<byte> line, ChainKey key) =>
        Check(key, ChainEntry.AcceptedPart(line), entry.Accepted);

    private static bool Check(ChainKey key, ReadOnlySpan<byte> data, string base64)
    {
        byte[] signature = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, signature, out int bytes) && key.Verify(data, signature.AsSpan(0, bytes));
    }
}
