// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Box;

/// <summary>A part of the box. Parts start in the order of the list and stop in reverse; <see cref="Stop"/> is called only after <see cref="Start"/> was, and also when that failed.</summary>
internal interface IBoxPart
{
    void Start();

    void Stop();
}

/// <summary>A part that speaks with somebody outside. What it cannot open it logs, and the recording goes on.</summary>
internal interface IFrontEnd : IBoxPart
{
    /// <summary>Goes over to other options while the box runs. Returns at once.</summary>
    void Change(BoxOptions next);
}
