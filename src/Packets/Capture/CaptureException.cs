// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Packets.Capture;

/// <summary>What the packet line cannot do; the message is one line and names the port, the file or the key.</summary>
public sealed class CaptureException : Exception
{
    public CaptureException()
    {
    }

    public CaptureException(string message) : base(message)
    {
    }

    public CaptureException(string message, Exception inner) : base(message, inner)
    {
    }
}
