// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Custody;

/// <summary>The chain cannot be signed: an invalid key, or a chain that was changed. One line for the user, which names the file.</summary>
public sealed class CustodyException : Exception
{
    public CustodyException(string message) : base(message)
    {
    }

    public CustodyException(string message, Exception inner) : base(message, inner)
    {
    }
}
