// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Health;

namespace Capbox.Box;

/// <summary>Where a box shows itself to the person or program that started it. The box itself prints nothing.</summary>
internal interface IBoxDisplay
{
    /// <summary>Time between two calls of <see cref="Show"/>.</summary>
    TimeSpan Period { get; }

    /// <summary>Shows the counters.</summary>
    /// <returns>False: nobody can be shown anything any more, and the recording ends.</returns>
    bool Show(BoxSnapshot before, BoxSnapshot now);

    /// <summary>One line that stays.</summary>
    void Message(string line);
}
