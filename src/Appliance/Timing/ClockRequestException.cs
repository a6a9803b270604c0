// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Timing;

/// <summary>The clock rejects a request; the message has the reason.</summary>
internal sealed class ClockRequestException(string reason) : Exception(reason);
