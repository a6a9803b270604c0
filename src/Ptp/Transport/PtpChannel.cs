// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Ptp.Transport;

/// <summary>Channel of a message.</summary>
public enum PtpChannel
{
    /// <summary>Not distinguished: Ethernet.</summary>
    Any,

    /// <summary>UDP port 319.</summary>
    Event,

    /// <summary>UDP port 320.</summary>
    General,
}
